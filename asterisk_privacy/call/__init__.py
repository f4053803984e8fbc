"""What is happening in a call and what may be kept of it. Pure: events in, commands out; time is an argument."""
