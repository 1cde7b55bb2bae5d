"""What swaps a learner's part into a cluster: one file per lab that needs more than `Cluster.replace`."""
