#include "producer/lib/cobs.h"

size_t cobs_encode(const uint8_t *in, size_t len, uint8_t *out)
{
    size_t code_at = 0, to = 1;
    uint8_t code = 1; /* distance from code_at to the next zero */
    for (size_t i = 0; i < len; i++) {
        if (code == 0xff) {
            out[code_at] = code;
            code_at = to++;
            code = 1;
        }
        if (in[i] != 0) {
            out[to++] = in[i];
            code++;
        } else {
            out[code_at] = code;
            code_at = to++;
            code = 1;
        }
    }
    out[code_at] = code;
    return to;
}

bool cobs_decode(const uint8_t *in, size_t len, uint8_t *out, size_t *out_len)
{
    size_t at = 0, to = 0;
    while (at < len) {
        uint8_t code = in[at++];
        if (code == 0 || (size_t)code - 1 > len - at)
            return false;
        for (uint8_t i = 1; i < code; i++) {
            if (in[at] == 0)
                return false;
            out[to++] = in[at++];
        }
        if (code != 0xff && at < len)
            out[to++] = 0;
    }
    *out_len = to;
    return len > 0;
}
