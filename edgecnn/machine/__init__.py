"""The state of this computer: its board and processor, load, heat, memory and energy."""
