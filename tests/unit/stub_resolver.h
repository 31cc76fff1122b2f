/* A resolver for tests of io/http_client, in place of io/resolver: the name says what happens.
 *   one.* and everything else  127.0.0.5, at once          later.*     127.0.0.5, after 20 ms
 *   mixed.*                    127.0.0.5 and 10.0.0.1      private.*   10.0.0.1
 *   turning.*                  127.0.0.5, 127.0.0.6 or 10.0.0.1, as stub_resolver_turn says
 *   two.*                      127.0.0.4, where nobody listens, and 127.0.0.5
 *   none.*                     no such name                failing.*   the name servers fail
 *   never.*                    no answer until cancelled   empty.*     an answer without addresses */
#ifndef TESTS_STUB_RESOLVER_H
#define TESTS_STUB_RESOLVER_H

#include "io/resolver.h"

extern int64_t stub_resolver_failing_ms;
extern int stub_resolver_turn;  /* 1, 2 or 3: which address of turning.* */
extern int stub_resolver_asked; /* questions so far */
extern int stub_resolver_open;  /* not answered and not cancelled */

#endif
