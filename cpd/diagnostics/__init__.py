"""The bundle: one redacted archive of everything that helps to find out what a charger does, and how it leaves."""
