"""What runs on every node: the kubelet, a container runtime, and kube-proxy.

To read it, start with `kubelet` (the agent), go on with `pod_worker` (one Pod) and what it uses: `container_start`,
`probes`, `pod_termination`, `pod_status`.  `node_status` and `heartbeat` are how the API server knows that the node
lives. `runtime` is the line between a kubelet and its containers; behind it `simulated_runtime` plays the images of
`images`. `kube_proxy` writes the `service_rules` by which the node's kernel finds the Pods of a Service.
"""
