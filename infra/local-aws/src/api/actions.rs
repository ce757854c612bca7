//! Names of all actions that AWS's services have, from their API references (November 2026). The emulator serves a few of them;
//! the names tell "AWS has this, the emulator does not" from "no such action".

use super::Service;

/// Returns whether AWS has an action of this name.
pub(super) fn exists(service: Service, action: &str) -> bool {
    let names = match service {
        Service::Ecr => ECR,
        Service::Ecs => ECS,
        Service::Elb => ELB,
        Service::Logs => LOGS,
        Service::Scheduler => SCHEDULER,
        Service::Ssm => SSM,
        Service::Sts => STS,
    };
    names.split_whitespace().any(|name| name == action)
}

const ECR: &str = "
    BatchCheckLayerAvailability BatchDeleteImage BatchGetImage BatchGetRepositoryScanningConfiguration
    CompleteLayerUpload CreatePullThroughCacheRule CreateRepository CreateRepositoryCreationTemplate
    DeleteLifecyclePolicy DeletePullThroughCacheRule DeleteRegistryPolicy DeleteRepository
    DeleteRepositoryCreationTemplate DeleteRepositoryPolicy DeleteSigningConfiguration
    DeregisterPullTimeUpdateExclusion DescribeImageReplicationStatus DescribeImageScanFindings
    DescribeImageSigningStatus DescribeImages DescribePullThroughCacheRules DescribeRegistry
    DescribeReplicationBackfillResults DescribeRepositories DescribeRepositoryCreationTemplates GetAccountSetting
    GetAuthorizationToken GetDownloadUrlForLayer GetLifecyclePolicy GetLifecyclePolicyPreview GetRegistryPolicy
    GetRegistryScanningConfiguration GetRepositoryPolicy GetSigningConfiguration InitiateLayerUpload
    ListImageReferrers ListImages ListPullTimeUpdateExclusions ListReplicationBackfills ListTagsForResource
    PutAccountSetting PutImage PutImageScanningConfiguration PutImageTagMutability PutLifecyclePolicy
    PutRegistryPolicy PutRegistryScanningConfiguration PutReplicationConfiguration PutSigningConfiguration
    RegisterPullTimeUpdateExclusion SetRepositoryPolicy StartImageScan StartLifecyclePolicyPreview
    StartReplicationBackfill StopReplicationBackfill TagResource UntagResource UpdateImageStorageClass
    UpdatePullThroughCacheRule UpdateRepositoryCreationTemplate UploadLayerPart ValidatePullThroughCacheRule
";

const ECS: &str = "
    AssociateGatewayWithCluster ContinueServiceDeployment CreateCapacityProvider CreateCluster CreateDaemon
    CreateExpressGatewayService CreateGateway CreateService CreateTaskSet DeleteAccountSetting DeleteAttributes
    DeleteCapacityProvider DeleteCluster DeleteDaemon DeleteDaemonTaskDefinition DeleteExpressGatewayService
    DeleteGateway DeleteService DeleteTaskDefinitions DeleteTaskSet DeregisterContainerInstance
    DeregisterTaskDefinition DescribeCapacityProviders DescribeClusters DescribeContainerInstances DescribeDaemon
    DescribeDaemonDeployments DescribeDaemonRevisions DescribeDaemonTaskDefinition DescribeExpressGatewayService
    DescribeGateway DescribeGatewayResources DescribeGatewayRoute DescribeServiceDeployments
    DescribeServiceRevisions DescribeServices DescribeTaskDefinition DescribeTaskSets DescribeTasks
    DisassociateGatewayFromCluster DiscoverPollEndpoint ExecuteCommand GetTaskProtection ListAccountSettings
    ListAttributes ListClusters ListContainerInstances ListDaemonDeployments ListDaemonTaskDefinitions ListDaemons
    ListGatewayClusterAssociations ListGatewayRoutes ListGateways ListServiceDeployments ListServices
    ListServicesByNamespace ListTagsForResource ListTaskDefinitionFamilies ListTaskDefinitions ListTasks
    PutAccountSetting PutAccountSettingDefault PutAttributes PutClusterCapacityProviders RegisterContainerInstance
    RegisterDaemonTaskDefinition RegisterTaskDefinition RunTask StartTask StopServiceDeployment StopTask
    SubmitAttachmentStateChanges SubmitContainerStateChange SubmitTaskStateChange TagResource UntagResource
    UpdateCapacityProvider UpdateCluster UpdateClusterSettings UpdateContainerAgent UpdateContainerInstancesState
    UpdateDaemon UpdateExpressGatewayService UpdateGateway UpdateService UpdateServicePrimaryTaskSet
    UpdateTaskProtection UpdateTaskSet
";

const ELB: &str = "
    AddListenerCertificates AddTags AddTrustStoreRevocations CreateListener CreateLoadBalancer CreateRule
    CreateTargetGroup CreateTrustStore DeleteListener DeleteLoadBalancer DeleteRule
    DeleteSharedTrustStoreAssociation DeleteTargetGroup DeleteTrustStore DeregisterTargets DescribeAccountLimits
    DescribeCapacityReservation DescribeListenerAttributes DescribeListenerCertificates DescribeListeners
    DescribeLoadBalancerAttributes DescribeLoadBalancers DescribeRules DescribeSSLPolicies DescribeTags
    DescribeTargetGroupAttributes DescribeTargetGroups DescribeTargetHealth DescribeTrustStoreAssociations
    DescribeTrustStoreRevocations DescribeTrustStores GetResourcePolicy GetTrustStoreCaCertificatesBundle
    GetTrustStoreRevocationContent ModifyCapacityReservation ModifyIpPools ModifyListener ModifyListenerAttributes
    ModifyLoadBalancerAttributes ModifyRule ModifyTargetGroup ModifyTargetGroupAttributes ModifyTrustStore
    RegisterTargets RemoveListenerCertificates RemoveTags RemoveTrustStoreRevocations SetIpAddressType
    SetRulePriorities SetSecurityGroups SetSubnets
";

const LOGS: &str = "
    AssociateKmsKey AssociateSourceToS3TableIntegration CancelExportTask CancelImportTask CreateDelivery
    CreateExportTask CreateImportTask CreateLogAnomalyDetector CreateLogGroup CreateLogStream CreateLookupTable
    CreateScheduledQuery DeleteAccountPolicy DeleteDataProtectionPolicy DeleteDelivery DeleteDeliveryDestination
    DeleteDeliveryDestinationPolicy DeleteDeliverySource DeleteDestination DeleteIndexPolicy DeleteIntegration
    DeleteLogAnomalyDetector DeleteLogGroup DeleteLogStream DeleteLookupTable DeleteMetricFilter
    DeleteQueryDefinition DeleteResourcePolicy DeleteRetentionPolicy DeleteScheduledQuery DeleteSubscriptionFilter
    DeleteSyslogConfiguration DeleteTransformer DescribeAccountPolicies DescribeConfigurationTemplates
    DescribeDeliveries DescribeDeliveryDestinations DescribeDeliverySources DescribeDestinations DescribeExportTasks
    DescribeFieldIndexes DescribeImportTaskBatches DescribeImportTasks DescribeIndexPolicies DescribeLogGroups
    DescribeLogStreams DescribeLookupTables DescribeMetricFilters DescribeQueries DescribeQueryDefinitions
    DescribeResourcePolicies DescribeSubscriptionFilters DisassociateKmsKey DisassociateSourceFromS3TableIntegration
    FilterLogEvents GetDataProtectionPolicy GetDelivery GetDeliveryDestination GetDeliveryDestinationPolicy
    GetDeliverySource GetIntegration GetLogAnomalyDetector GetLogEvents GetLogFields GetLogGroupFields GetLogObject
    GetLogRecord GetLookupTable GetQueryResults GetScheduledQuery GetScheduledQueryHistory GetStorageTierPolicy
    GetTransformer ListAggregateLogGroupSummaries ListAnomalies ListIntegrations ListLogAnomalyDetectors
    ListLogGroups ListLogGroupsForQuery ListScheduledQueries ListSourcesForS3TableIntegration
    ListSyslogConfigurations ListTagsForResource ListTagsLogGroup PutAccountPolicy PutBearerTokenAuthentication
    PutDataProtectionPolicy PutDeliveryDestination PutDeliveryDestinationPolicy PutDeliverySource PutDestination
    PutDestinationPolicy PutIndexPolicy PutIntegration PutLogEvents PutLogGroupDeletionProtection PutMetricFilter
    PutQueryDefinition PutResourcePolicy PutRetentionPolicy PutStorageTierPolicy PutSubscriptionFilter
    PutSyslogConfiguration PutTransformer StartLiveTail StartQuery StopQuery TagLogGroup TagResource
    TestMetricFilter TestTransformer UntagLogGroup UntagResource UpdateAnomaly UpdateDeliveryConfiguration
    UpdateLogAnomalyDetector UpdateLookupTable UpdateScheduledQuery
";

const SSM: &str = "
    AddTagsToResource AssociateOpsItemRelatedItem CancelCommand CancelMaintenanceWindowExecution CreateActivation
    CreateAssociation CreateAssociationBatch CreateCloudConnector CreateDocument CreateMaintenanceWindow
    CreateOpsItem CreateOpsMetadata CreatePatchBaseline CreateResourceDataSync DeleteActivation DeleteAssociation
    DeleteCloudConnector DeleteDocument DeleteInventory DeleteMaintenanceWindow DeleteOpsItem DeleteOpsMetadata
    DeleteParameter DeleteParameters DeletePatchBaseline DeleteResourceDataSync DeleteResourcePolicy
    DeregisterDefaultHostManagementConfiguration DeregisterManagedInstance DeregisterPatchBaselineForPatchGroup
    DeregisterTargetFromMaintenanceWindow DeregisterTaskFromMaintenanceWindow DescribeActivations
    DescribeAssociation DescribeAssociationExecutionTargets DescribeAssociationExecutions
    DescribeAutomationExecutions DescribeAutomationStepExecutions DescribeAvailablePatches DescribeDocument
    DescribeDocumentPermission DescribeEffectiveInstanceAssociations DescribeEffectivePatchesForPatchBaseline
    DescribeInstanceAssociationsStatus DescribeInstanceInformation DescribeInstancePatchStates
    DescribeInstancePatchStatesForPatchGroup DescribeInstancePatches DescribeInstanceProperties
    DescribeInventoryDeletions DescribeMaintenanceWindowExecutionTaskInvocations
    DescribeMaintenanceWindowExecutionTasks DescribeMaintenanceWindowExecutions DescribeMaintenanceWindowSchedule
    DescribeMaintenanceWindowTargets DescribeMaintenanceWindowTasks DescribeMaintenanceWindows
    DescribeMaintenanceWindowsForTarget DescribeOpsItems DescribeParameters DescribePatchBaselines
    DescribePatchGroupState DescribePatchGroups DescribePatchProperties DescribeSessions
    DisassociateOpsItemRelatedItem GetAccessToken GetAutomationExecution GetCalendarState GetCloudConnector
    GetCommandInvocation GetConnectionStatus GetDefaultPatchBaseline GetDeployablePatchSnapshotForInstance
    GetDocument GetExecutionPreview GetInventory GetInventorySchema GetMaintenanceWindow
    GetMaintenanceWindowExecution GetMaintenanceWindowExecutionTask GetMaintenanceWindowExecutionTaskInvocation
    GetMaintenanceWindowTask GetOpsItem GetOpsMetadata GetOpsSummary GetParameter GetParameterHistory GetParameters
    GetParametersByPath GetPatchBaseline GetPatchBaselineForPatchGroup GetResourcePolicies GetServiceSetting
    LabelParameterVersion ListAssociationVersions ListAssociations ListCloudConnectors ListCommandInvocations
    ListCommands ListComplianceItems ListComplianceSummaries ListDocumentMetadataHistory ListDocumentVersions
    ListDocuments ListInventoryEntries ListNodes ListNodesSummary ListOpsItemEvents ListOpsItemRelatedItems
    ListOpsMetadata ListResourceComplianceSummaries ListResourceDataSync ListTagsForResource
    ModifyDocumentPermission PutComplianceItems PutInventory PutParameter PutResourcePolicy
    RegisterDefaultHostManagementConfiguration RegisterDefaultPatchBaseline RegisterPatchBaselineForPatchGroup
    RegisterTargetWithMaintenanceWindow RegisterTaskWithMaintenanceWindow RemoveTagsFromResource ResetServiceSetting
    ResumeSession SendAutomationSignal SendCommand StartAccessRequest StartAssociationsOnce StartAutomationExecution
    StartChangeRequestExecution StartExecutionPreview StartSession StopAutomationExecution TerminateSession
    UnlabelParameterVersion UpdateAssociation UpdateAssociationStatus UpdateCloudConnector UpdateDocument
    UpdateDocumentDefaultVersion UpdateDocumentMetadata UpdateMaintenanceWindow UpdateMaintenanceWindowTarget
    UpdateMaintenanceWindowTask UpdateManagedInstanceRole UpdateOpsItem UpdateOpsMetadata UpdatePatchBaseline
    UpdateResourceDataSync UpdateServiceSetting ValidateCloudConnector
";

const SCHEDULER: &str = "
    CreateSchedule CreateScheduleGroup DeleteSchedule DeleteScheduleGroup GetSchedule GetScheduleGroup
    ListScheduleGroups ListSchedules ListTagsForResource TagResource UntagResource UpdateSchedule
";

const STS: &str = "
    AssumeRole AssumeRoleWithSAML AssumeRoleWithWebIdentity AssumeRoot DecodeAuthorizationMessage GetAccessKeyInfo
    GetCallerIdentity GetDelegatedAccessToken GetFederationToken GetSessionToken GetWebIdentityToken
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_known_by_their_whole_names() {
        assert!(exists(Service::Ecs, "CreateService"));
        assert!(exists(Service::Sts, "GetCallerIdentity"));
        assert!(!exists(Service::Ecr, "CreateService"));
        assert!(!exists(Service::Ecs, "Create") && !exists(Service::Ecs, "") && !exists(Service::Ecs, "MakeCoffee"));
    }
}
