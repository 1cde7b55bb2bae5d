"""From clients to Pods: the network, what balances in front of the cluster, and clients that send requests.

`network` carries requests and knows who is cut off from whom; `ingress` (by the `ingress_rules`) and `load_balancer`
are the ways in; `dns` finds Services by name; `load` sends requests and counts the answers.
"""
