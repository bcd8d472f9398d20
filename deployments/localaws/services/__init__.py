"""moto's services made fit for a long-lived server, and called in this process.

moto_patches                what is changed in moto, all of it put in place from here
moto_services               what the SageMaker hosting asks of the services, in this process
serving                     which embedded AWS a thread works for
unimplemented, memory       clear errors for what nobody answers; memory given back to the system
s3_objects, sqs_queues      objects and queues
tagging                     the hosting's resources in the Resource Groups Tagging API
sns_patches                 SNS's operations
sns_subscriptions           who is subscribed, pending or confirmed
sns_delivery, sns_http      what is published to queues, and to web hooks
sns_envelope, sns_pages     the signed messages, and the links in them
sns_retry_policy            when a web hook is tried again
sns_queue_policy            whether a queue lets SNS send
cloudwatch_queries          metrics put and asked for
cloudwatch_rules            what CloudWatch refuses
cloudwatch_alarms           an alarm's states, actions and history
metric_store, metric_math   datapoints and statistics; expressions
metric_history              the same datapoints by the minutes of the compressible clock
alarm_rounds                all alarms judged, once an AWS minute
alarm_evaluation            one alarm judged: M of N, missing data
alarm_message               what an alarm tells a topic
application_autoscaling     targets, policies and activities; what acts on them is `localaws.scaling.engine`
application_autoscaling_rules, target_tracking   what is refused of a policy; the alarms that one makes
"""
