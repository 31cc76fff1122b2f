/* The core's ports: what it asks for, handed to the file that does it. ctx is the worker. */
#ifndef WORKER_PORTS_H
#define WORKER_PORTS_H

#include "core/core.h"

extern const struct core_ports worker_ports;

#endif
