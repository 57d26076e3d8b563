"""Our signing keys and their life: announced, active, retired."""
