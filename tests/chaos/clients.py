def _x(run, outcome): pass
client_kill = two_writers = store_down = store_failover = drain_10k = checkpoint_cost = _x
