// C's <assert.h>: the words have it. The C library's own would end the process, or do nothing.
#pragma once
#include "../words/stop.h"
