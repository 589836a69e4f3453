"""What all the rest uses: the process, devices, the console, the compiler."""
