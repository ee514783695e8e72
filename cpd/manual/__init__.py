"""The manual pages, made of what the command line, the configuration and the guard say of themselves.

``python -m cpd.manual DIR CPD.TOML`` writes them, and the Debian package installs them. No charger needs this.
"""
