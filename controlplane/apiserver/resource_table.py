"""The kinds that are built in, a line each: what the discovery documents of Kubernetes 1.36 say of them.

A line has: plural, kind, then what differs from the common case (namespaced, all eight verbs, no subresource):
    ~name          short name             +name        category (`kubectl get all`)
    cluster        not namespaced         verbs=a,b    the only verbs
    /name          a subresource with the object's own kind and get, patch, update (`/status`)
    /name=Kind:a,b            a subresource of another kind, in the same group, and its verbs
    /name=group/version.Kind:a,b
    at=prefix      the path under /registry, where it is not the plural
An indented line goes on with the one above it.

*Note*: alpha and beta versions, resource claims, flow control and storage migration are left out here.
"""

from __future__ import annotations

# In the order in which the real server lists its groups.
GROUPS: dict[str, str] = {
    "v1": """
bindings               Binding                verbs=create
configmaps             ConfigMap              ~cm
endpoints              Endpoints              ~ep at=services/endpoints
events                 Event                  ~ev
limitranges            LimitRange             ~limits
namespaces             Namespace              cluster ~ns verbs=create,delete,get,list,patch,update,watch
    /finalize=Namespace:update /status
nodes                  Node                   cluster ~no at=minions
    /proxy=NodeProxyOptions:create,delete,get,patch,update /status
persistentvolumeclaims PersistentVolumeClaim  ~pvc /status
persistentvolumes      PersistentVolume       cluster ~pv /status
pods                   Pod                    ~po +all /attach=PodAttachOptions:create,get /binding=Binding:create
    /ephemeralcontainers /eviction=policy/v1.Eviction:create /exec=PodExecOptions:create,get /log=Pod:get
    /portforward=PodPortForwardOptions:create,get /proxy=PodProxyOptions:create,delete,get,patch,update /resize
    /status
podtemplates           PodTemplate
replicationcontrollers ReplicationController  ~rc +all at=controllers /scale=autoscaling/v1.Scale:get,patch,update
    /status
resourcequotas         ResourceQuota          ~quota /status
secrets                Secret
serviceaccounts        ServiceAccount         ~sa /token=authentication.k8s.io/v1.TokenRequest:create
services               Service                ~svc +all at=services/specs
    /proxy=ServiceProxyOptions:create,delete,get,patch,update /status
""",
    "apiregistration.k8s.io/v1": """
apiservices            APIService             cluster +api-extensions at=apiregistration.k8s.io/apiservices /status
""",
    "apps/v1": """
controllerrevisions    ControllerRevision
daemonsets             DaemonSet              ~ds +all /status
deployments            Deployment             ~deploy +all /scale=autoscaling/v1.Scale:get,patch,update /status
replicasets            ReplicaSet             ~rs +all /scale=autoscaling/v1.Scale:get,patch,update /status
statefulsets           StatefulSet            ~sts +all /scale=autoscaling/v1.Scale:get,patch,update /status
""",
    "events.k8s.io/v1": """
events                 Event                  ~ev
""",
    "authentication.k8s.io/v1": """
selfsubjectreviews     SelfSubjectReview      cluster verbs=create
tokenreviews           TokenReview            cluster verbs=create
""",
    "authorization.k8s.io/v1": """
localsubjectaccessreviews LocalSubjectAccessReview verbs=create
selfsubjectaccessreviews  SelfSubjectAccessReview  cluster verbs=create
selfsubjectrulesreviews   SelfSubjectRulesReview   cluster verbs=create
subjectaccessreviews      SubjectAccessReview      cluster verbs=create
""",
    "autoscaling/v2": """
horizontalpodautoscalers HorizontalPodAutoscaler ~hpa +all /status
""",
    "autoscaling/v1": """
horizontalpodautoscalers HorizontalPodAutoscaler ~hpa +all /status
""",
    "batch/v1": """
cronjobs               CronJob                ~cj +all /status
jobs                   Job                    +all /status
""",
    "certificates.k8s.io/v1": """
certificatesigningrequests CertificateSigningRequest cluster ~csr /approval /status
""",
    "networking.k8s.io/v1": """
ingressclasses         IngressClass           cluster
ingresses              Ingress                ~ing at=ingress /status
ipaddresses            IPAddress              cluster ~ip
networkpolicies        NetworkPolicy          ~netpol
servicecidrs           ServiceCIDR            cluster /status
""",
    "policy/v1": """
poddisruptionbudgets   PodDisruptionBudget    ~pdb /status
""",
    "rbac.authorization.k8s.io/v1": """
clusterrolebindings    ClusterRoleBinding     cluster
clusterroles           ClusterRole            cluster
rolebindings           RoleBinding
roles                  Role
""",
    "storage.k8s.io/v1": """
csidrivers             CSIDriver              cluster
csinodes               CSINode                cluster
csistoragecapacities   CSIStorageCapacity
storageclasses         StorageClass           cluster ~sc
volumeattachments      VolumeAttachment       cluster /status
volumeattributesclasses VolumeAttributesClass cluster ~vac
""",
    "admissionregistration.k8s.io/v1": """
mutatingwebhookconfigurations     MutatingWebhookConfiguration     cluster +api-extensions
validatingadmissionpolicies       ValidatingAdmissionPolicy        cluster +api-extensions /status
validatingadmissionpolicybindings ValidatingAdmissionPolicyBinding cluster +api-extensions
validatingwebhookconfigurations   ValidatingWebhookConfiguration   cluster +api-extensions
""",
    "apiextensions.k8s.io/v1": """
customresourcedefinitions CustomResourceDefinition cluster ~crd ~crds +api-extensions
    at=apiextensions.k8s.io/customresourcedefinitions /status
""",
    "scheduling.k8s.io/v1": """
priorityclasses        PriorityClass          cluster ~pc
""",
    "coordination.k8s.io/v1": """
leases                 Lease
""",
    "node.k8s.io/v1": """
runtimeclasses         RuntimeClass           cluster
""",
    "discovery.k8s.io/v1": """
endpointslices         EndpointSlice
""",
}

# Kinds that two groups or versions serve are stored once, as the first says: (served, stored).
STORED_AS: dict[tuple[str, str], str] = {
    ("autoscaling/v1", "horizontalpodautoscalers"): "autoscaling/v2",
    ("events.k8s.io/v1", "events"): "v1",
}
