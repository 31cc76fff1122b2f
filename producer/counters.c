#include "producer/counters.h"

#include <stdio.h>

void counters_register(struct counters *c, struct metrics *m)
{
    char label[64];
    c->facts = metrics_counter(m, "trueftp_producer_records_read_total", "Log records that said that something happened.", NULL);
    c->silent =
        metrics_counter(m, "trueftp_producer_records_silent_total", "Such records that the configuration keeps silent.", NULL);
    c->suspect =
        metrics_counter(m, "trueftp_producer_events_suspect_total", "Events marked as perhaps incomplete transfers.", NULL);
    for (int i = 0; i < SOURCE_REASON_COUNT; i++) {
        snprintf(label, sizeof(label), "reason=\"%s\"", source_reason_name((enum source_reason)i));
        c->quarantined[i] = metrics_counter(m, "trueftp_producer_quarantined_total",
                                            "Records that were not understood or belong to nobody.", label);
    }
    for (int i = 0; i < FOLLOW_ALARM_COUNT; i++) {
        snprintf(label, sizeof(label), "alarm=\"%s\"", follow_alarm_name((enum follow_alarm)i));
        c->alarms[i] =
            metrics_counter(m, "trueftp_producer_alarms_total", "Records of a log may be lost or are not read.", label);
    }
    for (int i = 0; i < USERS_ALARM_COUNT; i++) {
        snprintf(label, sizeof(label), "alarm=\"%s\"", users_alarm_name((enum users_alarm)i));
        c->users_alarms[i] =
            metrics_counter(m, "trueftp_producer_users_alarms_total", "A file of users says nothing that can be used.", label);
    }
    c->checkpoint_errors =
        metrics_counter(m, "trueftp_producer_checkpoint_errors_total", "Checkpoints that could not be written.", NULL);
    c->socket_accepted =
        metrics_counter(m, "trueftp_producer_socket_accepted_total", "Lines from sockets that are on disk.", NULL);
    c->socket_lost = metrics_counter(m, "trueftp_producer_socket_lost_total",
                                     "Datagrams from sockets that could not be brought to disk.", NULL);
}
