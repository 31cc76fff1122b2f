/* A resolver for tests of io/http_client, in place of io/resolver: the name says what happens.
 *   one.* and everything else  127.0.0.1, at once          later.*     127.0.0.1, after 20 ms
 *   mixed.*                    127.0.0.1 and 10.0.0.1      private.*   10.0.0.1
 *   turning.*                  127.0.0.1 or 127.0.0.2, as stub_resolver_turn says
 *   none.*                     no such name                failing.*   the name servers fail
 *   never.*                    no answer until cancelled   empty.*     an answer without addresses */
#ifndef TESTS_STUB_RESOLVER_H
#define TESTS_STUB_RESOLVER_H

#include "io/resolver.h"

extern int64_t stub_resolver_failing_ms;
extern int stub_resolver_turn;  /* last byte of turning.*'s address */
extern int stub_resolver_asked; /* questions so far */
extern int stub_resolver_open;  /* not answered and not cancelled */

#endif
