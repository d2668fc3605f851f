/* What every unit test includes: cmocka and what it needs, without its fail(), which is ours. */
#pragma once

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#undef fail
#define unit_fail(...) (print_error(__VA_ARGS__), _fail(__FILE__, __LINE__))
