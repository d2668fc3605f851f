/* The error table and its one translation to the wire. */
#include "base/base.h"

G_DEFINE_QUARK(vmd-error-quark, vmd_error)
