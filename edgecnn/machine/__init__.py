"""The state of this computer: board, processor, load, temperature, memory, energy; child processes."""
