/* The protocol's step function, in the simulator's world (tests/sim): the input is the sequence of choices that are made in it,
 * such as which fault comes next, what is lost and how late an answer comes; where it ends, a seed goes on. An invariant that
 * breaks ends the process, as in the simulator. */
#include "fuzz.h"

#include "sim.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sim_run_choices(data, size, false);
    return 0;
}
