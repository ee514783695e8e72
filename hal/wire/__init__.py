"""The guard's outlets over a Unix socket: JSON lines, one client that commands."""
