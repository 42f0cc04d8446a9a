// C's <math.h>, which the words have already. The C library's own would make macros of isnan and its like.
#pragma once
#include "../words/maths.h"
