"""Configuration for proxies and frameworks that validate tokens themselves, or ask the sidecar to."""

from tillit.proxies.generators import apache, envoy, nginx, spring
from tillit.proxies.haproxy import haproxy
from tillit.proxies.rules import Rules

__all__ = ["Rules", "apache", "envoy", "haproxy", "nginx", "spring"]
