#include "util/hash.h"

const char hash_place = 0;
