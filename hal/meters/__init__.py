"""Energy meters on a serial line: Modbus RTU, each family of meters a data file."""
