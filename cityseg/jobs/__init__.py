"""Processes of their own: the queue of runs, its watcher, launching, heartbeat and liveness."""
