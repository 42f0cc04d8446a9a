// What inline PTX becomes: simulator/ptx/ writes calls of these in place of each asm statement. Included only where there
// is one.
#pragma once
#include "ptx_registers.h"
#include "ptx_arithmetic.h"
#include "ptx_memory.h"
#include "ptx_matrix.h"
