"""Frames, quarantine, ring, stereo. RAM only."""
