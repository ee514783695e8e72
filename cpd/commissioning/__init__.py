"""The first configuration of a charger: the answers, the file that comes of them, a look at what it names."""
