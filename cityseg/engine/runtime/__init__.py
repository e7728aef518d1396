"""The machine a run computes on: device, precision, memory allocator, clock and signals."""
