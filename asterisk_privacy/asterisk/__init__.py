"""The edge towards Asterisk: its names, ARI, FastAGI and the taps. Everything is typed before it travels further in."""
