/* Requests whose answer is 202: a command was written, and a delivery will come of it. */
#ifndef ROUTES_ACCEPTED_H
#define ROUTES_ACCEPTED_H

#include "commands/command.h"
#include "http/request.h"

/* Sends the command and answers when Kafka has it. */
void accepted_send(struct request *rq, const struct command *cmd);

#endif
