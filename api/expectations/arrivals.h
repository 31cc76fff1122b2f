/* The watch's ports: arrivals are asked of the view, file.missing events go to the events topic. */
#ifndef EXPECTATIONS_ARRIVALS_H
#define EXPECTATIONS_ARRIVALS_H

struct api;
struct watch;

struct watch *arrivals_watch(struct api *api);
/* Once a second, when definitions and view are complete: judges what is due; an expectation whose webhook is gone goes too. */
void arrivals_turn(struct api *api);

#endif
