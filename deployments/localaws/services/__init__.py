"""moto's services made fit for a long-lived server, and called in this process.

moto_patches              all changes to moto, applied from here
moto_services             the calls that the SageMaker hosting makes to the services, in this process
serving                   the embedded AWS that a thread works for
unimplemented             clear errors for operations that nothing here implements
memory                    freed memory returned to the system
iam_simulation            IAM's policy simulator, and the identity of callers
tagging                   the hosting's resources in the Resource Groups Tagging API
sqs_queues                queues
s3                        buckets, objects, multipart uploads, checksums, conditions and encryption
sns                       subscriptions, filters, signed messages, and delivery to queues and web hooks
cloudwatch                metrics, metric math and alarms
application_autoscaling   targets, policies and scheduled actions; `localaws.scaling` acts on them
"""
