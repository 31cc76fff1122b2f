#include "health.h"

const int health_stage_percents[HEALTH_STAGES] = {50, 70, 90};

int health_stage(int64_t since_wall_ms, int64_t now_wall_ms, int64_t limit_ms)
{
    int64_t failed_ms = now_wall_ms - since_wall_ms;
    int stage = 0;
    if (failed_ms >= limit_ms)
        return HEALTH_STAGES + 1;
    while (stage < HEALTH_STAGES && failed_ms * 100 >= limit_ms * health_stage_percents[stage])
        stage++;
    return stage;
}
