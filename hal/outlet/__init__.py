"""The outlet machine and its values: `machine.step` decides, everything else here is what it decides with."""
