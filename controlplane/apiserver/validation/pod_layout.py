"""The layout of a PodSpec inside the API server, which refusals of updates show (kubernetes: pkg/apis/core/types.go).

One line for each struct: its fields in order, with the name in the API where that is not the same with a small
letter, and the kind: `*` a pointer, `[` a list, `{` a map, `b` a boolean, `0` a number, `q` a quantity, `i` a number or
a text, `L` a label selector, another struct's name, and a text where nothing is said.  `+` takes in another struct.
"""

from __future__ import annotations

LAYOUT = """
PodSpec | Volumes:[Volume InitContainers:[Container Containers:[Container EphemeralContainers:[EphemeralContainer
  RestartPolicy TerminationGracePeriodSeconds:*0 ActiveDeadlineSeconds:*0 DNSPolicy=dnsPolicy NodeSelector:{
  ServiceAccountName AutomountServiceAccountToken:*b NodeName SecurityContext:*PodSecurityContext
  ImagePullSecrets:[LocalObjectReference Hostname Subdomain SetHostnameAsFQDN:*b Affinity:*Affinity SchedulerName
  Tolerations:[Toleration HostAliases:[HostAlias PriorityClassName Priority:*0 PreemptionPolicy:*s
  DNSConfig=dnsConfig:*PodDNSConfig ReadinessGates:[PodReadinessGate RuntimeClassName:*s Overhead:{
  EnableServiceLinks:*b TopologySpreadConstraints:[TopologySpreadConstraint OS=os:*PodOS
  SchedulingGates:[PodSchedulingGate ResourceClaims:[PodResourceClaim Resources:*ResourceRequirements
  HostnameOverride:*s SchedulingGroup:*PodSchedulingGroup
Volume | Name +VolumeSource
VolumeSource | HostPath:*HostPathVolumeSource EmptyDir:*EmptyDirVolumeSource
  GCEPersistentDisk=gcePersistentDisk:*GCEPersistentDiskVolumeSource
  AWSElasticBlockStore=awsElasticBlockStore:*AWSElasticBlockStoreVolumeSource GitRepo:*GitRepoVolumeSource
  Secret:*SecretVolumeSource NFS=nfs:*NFSVolumeSource ISCSI=iscsi:*ISCSIVolumeSource Glusterfs:*GlusterfsVolumeSource
  PersistentVolumeClaim:*PersistentVolumeClaimVolumeSource RBD=rbd:*RBDVolumeSource FlexVolume:*FlexVolumeSource
  Cinder:*CinderVolumeSource CephFS=cephfs:*CephFSVolumeSource Flocker:*FlockerVolumeSource
  DownwardAPI:*DownwardAPIVolumeSource FC=fc:*FCVolumeSource AzureFile:*AzureFileVolumeSource
  ConfigMap:*ConfigMapVolumeSource VsphereVolume:*VsphereVirtualDiskVolumeSource Quobyte:*QuobyteVolumeSource
  AzureDisk:*AzureDiskVolumeSource PhotonPersistentDisk:*PhotonPersistentDiskVolumeSource
  Projected:*ProjectedVolumeSource PortworxVolume:*PortworxVolumeSource ScaleIO:*ScaleIOVolumeSource
  StorageOS=storageos:*StorageOSVolumeSource CSI=csi:*CSIVolumeSource Ephemeral:*EphemeralVolumeSource
  Image:*ImageVolumeSource
HostPathVolumeSource | Path Type:*s
EmptyDirVolumeSource | Medium SizeLimit:*q
GCEPersistentDiskVolumeSource | PDName=pdName FSType=fsType Partition:0 ReadOnly:b
AWSElasticBlockStoreVolumeSource | VolumeID FSType=fsType Partition:0 ReadOnly:b
GitRepoVolumeSource | Repository Revision Directory
SecretVolumeSource | SecretName Items:[KeyToPath DefaultMode:*0 Optional:*b
KeyToPath | Key Path Mode:*0
NFSVolumeSource | Server Path ReadOnly:b
ISCSIVolumeSource | TargetPortal IQN=iqn Lun:0 ISCSIInterface=iscsiInterface FSType=fsType ReadOnly:b Portals:[s
  DiscoveryCHAPAuth=chapAuthDiscovery:b SessionCHAPAuth=chapAuthSession:b SecretRef:*LocalObjectReference
  InitiatorName:*s
LocalObjectReference | Name
GlusterfsVolumeSource | EndpointsName=endpoints Path ReadOnly:b
PersistentVolumeClaimVolumeSource | ClaimName ReadOnly:b
RBDVolumeSource | CephMonitors=monitors:[s RBDImage=image FSType=fsType RBDPool=pool RadosUser=user Keyring
  SecretRef:*LocalObjectReference ReadOnly:b
FlexVolumeSource | Driver FSType=fsType SecretRef:*LocalObjectReference ReadOnly:b Options:{
CinderVolumeSource | VolumeID FSType=fsType ReadOnly:b SecretRef:*LocalObjectReference
CephFSVolumeSource | Monitors:[s Path User SecretFile SecretRef:*LocalObjectReference ReadOnly:b
FlockerVolumeSource | DatasetName DatasetUUID
DownwardAPIVolumeSource | Items:[DownwardAPIVolumeFile DefaultMode:*0
DownwardAPIVolumeFile | Path FieldRef:*ObjectFieldSelector ResourceFieldRef:*ResourceFieldSelector Mode:*0
ObjectFieldSelector | APIVersion=apiVersion FieldPath
ResourceFieldSelector | ContainerName Resource Divisor:q
FCVolumeSource | TargetWWNs:[s Lun:*0 FSType=fsType ReadOnly:b WWIDs=wwids:[s
AzureFileVolumeSource | SecretName ShareName ReadOnly:b
ConfigMapVolumeSource | +LocalObjectReference Items:[KeyToPath DefaultMode:*0 Optional:*b
VsphereVirtualDiskVolumeSource | VolumePath FSType=fsType StoragePolicyName StoragePolicyID
QuobyteVolumeSource | Registry Volume ReadOnly:b User Group Tenant
AzureDiskVolumeSource | DiskName DataDiskURI=diskURI CachingMode:*s FSType=fsType:*s ReadOnly:*b Kind:*s
PhotonPersistentDiskVolumeSource | PdID FSType=fsType
ProjectedVolumeSource | Sources:[VolumeProjection DefaultMode:*0
VolumeProjection | Secret:*SecretProjection DownwardAPI:*DownwardAPIProjection ConfigMap:*ConfigMapProjection
  ServiceAccountToken:*ServiceAccountTokenProjection ClusterTrustBundle:*ClusterTrustBundleProjection
  PodCertificate:*PodCertificateProjection
SecretProjection | +LocalObjectReference Items:[KeyToPath Optional:*b
DownwardAPIProjection | Items:[DownwardAPIVolumeFile
ConfigMapProjection | +LocalObjectReference Items:[KeyToPath Optional:*b
ServiceAccountTokenProjection | Audience ExpirationSeconds:*0 Path
ClusterTrustBundleProjection | Name:*s SignerName:*s LabelSelector:*L Optional:*b Path
PodCertificateProjection | SignerName KeyType MaxExpirationSeconds:*0 CredentialBundlePath KeyPath
  CertificateChainPath UserAnnotations:{
PortworxVolumeSource | VolumeID FSType=fsType ReadOnly:b
ScaleIOVolumeSource | Gateway System SecretRef:*LocalObjectReference SSLEnabled=sslEnabled:b ProtectionDomain
  StoragePool StorageMode VolumeName FSType=fsType ReadOnly:b
StorageOSVolumeSource | VolumeName VolumeNamespace FSType=fsType ReadOnly:b SecretRef:*LocalObjectReference
CSIVolumeSource | Driver ReadOnly:*b FSType=fsType:*s VolumeAttributes:{ NodePublishSecretRef:*LocalObjectReference
EphemeralVolumeSource | VolumeClaimTemplate:*PersistentVolumeClaimTemplate
PersistentVolumeClaimTemplate | +meta Spec:PersistentVolumeClaimSpec
PersistentVolumeClaimSpec | AccessModes:[s Selector:*L Resources:VolumeResourceRequirements VolumeName
  StorageClassName:*s VolumeMode:*s DataSource:*TypedLocalObjectReference DataSourceRef:*TypedObjectReference
  VolumeAttributesClassName:*s
VolumeResourceRequirements | Limits:{ Requests:{
TypedLocalObjectReference | APIGroup=apiGroup:*s Kind Name
TypedObjectReference | APIGroup=apiGroup:*s Kind Name Namespace:*s
ImageVolumeSource | Reference PullPolicy
Container | Name Image Command:[s Args:[s WorkingDir Ports:[ContainerPort EnvFrom:[EnvFromSource Env:[EnvVar
  Resources:ResourceRequirements ResizePolicy:[ContainerResizePolicy RestartPolicy:*s
  RestartPolicyRules:[ContainerRestartRule VolumeMounts:[VolumeMount VolumeDevices:[VolumeDevice LivenessProbe:*Probe
  ReadinessProbe:*Probe StartupProbe:*Probe Lifecycle:*Lifecycle TerminationMessagePath TerminationMessagePolicy
  ImagePullPolicy SecurityContext:*SecurityContext Stdin:b StdinOnce:b TTY=tty:b
ContainerPort | Name HostPort:0 ContainerPort:0 Protocol HostIP
EnvFromSource | Prefix ConfigMapRef:*ConfigMapEnvSource SecretRef:*SecretEnvSource
ConfigMapEnvSource | +LocalObjectReference Optional:*b
SecretEnvSource | +LocalObjectReference Optional:*b
EnvVar | Name Value ValueFrom:*EnvVarSource
EnvVarSource | FieldRef:*ObjectFieldSelector ResourceFieldRef:*ResourceFieldSelector
  ConfigMapKeyRef:*ConfigMapKeySelector SecretKeyRef:*SecretKeySelector FileKeyRef:*FileKeySelector
ConfigMapKeySelector | +LocalObjectReference Key Optional:*b
SecretKeySelector | +LocalObjectReference Key Optional:*b
FileKeySelector | VolumeName Path Key Optional:*b
ResourceRequirements | Limits:{ Requests:{ Claims:[ResourceClaim
ResourceClaim | Name Request
ContainerResizePolicy | ResourceName RestartPolicy
ContainerRestartRule | Action ExitCodes:*ContainerRestartRuleOnExitCodes
ContainerRestartRuleOnExitCodes | Operator Values:[0
VolumeMount | Name ReadOnly:b RecursiveReadOnly:*s MountPath SubPath MountPropagation:*s SubPathExpr
VolumeDevice | Name DevicePath
Probe | +ProbeHandler InitialDelaySeconds:0 TimeoutSeconds:0 PeriodSeconds:0 SuccessThreshold:0 FailureThreshold:0
  TerminationGracePeriodSeconds:*0
ProbeHandler | Exec:*ExecAction HTTPGet=httpGet:*HTTPGetAction TCPSocket=tcpSocket:*TCPSocketAction
  GRPC=grpc:*GRPCAction
ExecAction | Command:[s
HTTPGetAction | Path Port:i Host Scheme HTTPHeaders=httpHeaders:[HTTPHeader
HTTPHeader | Name Value
TCPSocketAction | Port:i Host
GRPCAction | Port:0 Service:*s
Lifecycle | PostStart:*LifecycleHandler PreStop:*LifecycleHandler StopSignal:*s
LifecycleHandler | Exec:*ExecAction HTTPGet=httpGet:*HTTPGetAction TCPSocket=tcpSocket:*TCPSocketAction
  Sleep:*SleepAction
SleepAction | Seconds:0
SecurityContext | Capabilities:*Capabilities Privileged:*b SELinuxOptions=seLinuxOptions:*SELinuxOptions
  WindowsOptions:*WindowsSecurityContextOptions RunAsUser:*0 RunAsGroup:*0 RunAsNonRoot:*b ReadOnlyRootFilesystem:*b
  AllowPrivilegeEscalation:*b ProcMount:*s SeccompProfile:*SeccompProfile AppArmorProfile:*AppArmorProfile
Capabilities | Add:[s Drop:[s
SELinuxOptions | User Role Type Level
WindowsSecurityContextOptions | GMSACredentialSpecName=gmsaCredentialSpecName:*s
  GMSACredentialSpec=gmsaCredentialSpec:*s RunAsUserName:*s HostProcess:*b
SeccompProfile | Type LocalhostProfile:*s
AppArmorProfile | Type LocalhostProfile:*s
EphemeralContainer | +EphemeralContainerCommon TargetContainerName
EphemeralContainerCommon | Name Image Command:[s Args:[s WorkingDir Ports:[ContainerPort EnvFrom:[EnvFromSource
  Env:[EnvVar Resources:ResourceRequirements ResizePolicy:[ContainerResizePolicy RestartPolicy:*s
  RestartPolicyRules:[ContainerRestartRule VolumeMounts:[VolumeMount VolumeDevices:[VolumeDevice LivenessProbe:*Probe
  ReadinessProbe:*Probe StartupProbe:*Probe Lifecycle:*Lifecycle TerminationMessagePath TerminationMessagePolicy
  ImagePullPolicy SecurityContext:*SecurityContext Stdin:b StdinOnce:b TTY=tty:b
PodSecurityContext | HostNetwork:b HostPID:b HostIPC:b ShareProcessNamespace:*b HostUsers:*b
  SELinuxOptions=seLinuxOptions:*SELinuxOptions WindowsOptions:*WindowsSecurityContextOptions RunAsUser:*0
  RunAsGroup:*0 RunAsNonRoot:*b SupplementalGroups:[0 SupplementalGroupsPolicy:*s FSGroup=fsGroup:*0
  FSGroupChangePolicy=fsGroupChangePolicy:*s Sysctls:[Sysctl SeccompProfile:*SeccompProfile
  AppArmorProfile:*AppArmorProfile SELinuxChangePolicy=seLinuxChangePolicy:*s
Sysctl | Name Value
Affinity | NodeAffinity:*NodeAffinity PodAffinity:*PodAffinity PodAntiAffinity:*PodAntiAffinity
NodeAffinity | RequiredDuringSchedulingIgnoredDuringExecution:*NodeSelector
  PreferredDuringSchedulingIgnoredDuringExecution:[PreferredSchedulingTerm
NodeSelector | NodeSelectorTerms:[NodeSelectorTerm
NodeSelectorTerm | MatchExpressions:[NodeSelectorRequirement MatchFields:[NodeSelectorRequirement
NodeSelectorRequirement | Key Operator Values:[s
PreferredSchedulingTerm | Weight:0 Preference:NodeSelectorTerm
PodAffinity | RequiredDuringSchedulingIgnoredDuringExecution:[PodAffinityTerm
  PreferredDuringSchedulingIgnoredDuringExecution:[WeightedPodAffinityTerm
PodAffinityTerm | LabelSelector:*L Namespaces:[s TopologyKey NamespaceSelector:*L MatchLabelKeys:[s
  MismatchLabelKeys:[s
WeightedPodAffinityTerm | Weight:0 PodAffinityTerm:PodAffinityTerm
PodAntiAffinity | RequiredDuringSchedulingIgnoredDuringExecution:[PodAffinityTerm
  PreferredDuringSchedulingIgnoredDuringExecution:[WeightedPodAffinityTerm
Toleration | Key Operator Value Effect TolerationSeconds:*0
HostAlias | IP=ip Hostnames:[s
PodDNSConfig | Nameservers:[s Searches:[s Options:[PodDNSConfigOption
PodDNSConfigOption | Name Value:*s
PodReadinessGate | ConditionType
TopologySpreadConstraint | MaxSkew:0 TopologyKey WhenUnsatisfiable LabelSelector:*L MinDomains:*0
  NodeAffinityPolicy:*s NodeTaintsPolicy:*s MatchLabelKeys:[s
PodOS | Name
PodSchedulingGate | Name
PodResourceClaim | Name ResourceClaimName:*s ResourceClaimTemplateName:*s
PodSchedulingGroup | PodGroupName:*s
"""
