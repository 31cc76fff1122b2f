/* The description of the interface, as it is in the tree. */
#include "http/response.h"
#include "routes/routes.h"

extern const char openapi_text[];

void openapi_get(struct request *rq)
{
    reply_header(rq, "Cache-Control", "public, max-age=300");
    reply_constant(rq, 200, "application/json", slice_str(openapi_text));
}
