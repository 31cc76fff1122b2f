/* systemd's Type=notify without its library: a datagram to the socket that $NOTIFY_SOCKET names (sd_notify(3)). */
#ifndef PRODUCER_NOTIFY_H
#define PRODUCER_NOTIFY_H

/* state: "READY=1", "STOPPING=1". Nothing happens without a supervisor, or when it does not listen: there is nobody to tell. */
void notify_supervisor(const char *state);

#endif
