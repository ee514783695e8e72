"""A simulated charge point: parts for the guard, a world of vehicles, cables and faults for people and tests."""
