"""Where the rooms meet: the configuration and, from it, the running recorder."""
