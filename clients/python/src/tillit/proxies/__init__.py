"""Configuration for proxies and frameworks that validate tokens themselves, or ask the sidecar to.

Each generator is a function from `Rules` to the files to write, by name. Nothing is read or sent.
"""

from tillit.proxies.generators import apache, envoy, nginx, spring
from tillit.proxies.haproxy import haproxy
from tillit.proxies.rules import Rules

__all__ = ["Rules", "apache", "envoy", "haproxy", "nginx", "spring"]
