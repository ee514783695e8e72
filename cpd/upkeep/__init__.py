"""What is done to the store while no daemon uses it: backup, restore, factory reset."""
