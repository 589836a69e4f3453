"""What all else rests on: the process, devices, the console, the compiler."""
