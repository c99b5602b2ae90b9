"""Options that a command takes as a whole: one class for each section of the help."""
