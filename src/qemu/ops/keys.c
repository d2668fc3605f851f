/* Key numbers of the kernel's input layer, as QEMU counts them: PC scan codes of set 1, those
 * behind the prefix 0xe0 with bit 7. */
#include "ops.h"

enum { CODESET_LINUX = 0, CODESET_XT = 1, CODESET_XT_KBD = 6, CODESET_QNUM = 9 };

/* Up to here the two agree: Linux took its first numbers from the PC. */
#define SAME_UP_TO 83

static const guint8 linux_keys[] = {
    [85] = 0x76,  [86] = 0x56,  [87] = 0x57,  [88] = 0x58,  [89] = 0x73,  [90] = 0x78,
    [91] = 0x77,  [92] = 0x79,  [93] = 0x70,  [94] = 0x7b,  [95] = 0x5c,  [96] = 0x9c,
    [97] = 0x9d,  [98] = 0xb5,  [99] = 0x54,  [100] = 0xb8, [101] = 0x5b, [102] = 0xc7,
    [103] = 0xc8, [104] = 0xc9, [105] = 0xcb, [106] = 0xcd, [107] = 0xcf, [108] = 0xd0,
    [109] = 0xd1, [110] = 0xd2, [111] = 0xd3, [112] = 0xef, [113] = 0xa0, [114] = 0xae,
    [115] = 0xb0, [116] = 0xde, [117] = 0x59, [118] = 0xce, [119] = 0xc6, [120] = 0x8b,
    [121] = 0x7e, [122] = 0x72, [123] = 0x71, [124] = 0x7d, [125] = 0xdb, [126] = 0xdc,
    [127] = 0xdd, [128] = 0xe8, [129] = 0x85, [130] = 0x86, [131] = 0x87, [132] = 0x8c,
    [133] = 0xf8, [134] = 0x64, [135] = 0x65, [136] = 0xc1, [137] = 0xbc, [138] = 0xf5,
    [139] = 0x9e, [140] = 0xa1, [141] = 0x66, [142] = 0xdf, [143] = 0xe3, [144] = 0x67,
    [145] = 0x68, [146] = 0x69, [147] = 0x93, [148] = 0x9f, [149] = 0x97, [150] = 0x82,
    [151] = 0x6a, [152] = 0x92, [153] = 0x6b, [154] = 0xa6, [155] = 0xec, [156] = 0xe6,
    [157] = 0xeb, [158] = 0xea, [159] = 0xe9, [160] = 0xa3, [161] = 0x6c, [162] = 0xfd,
    [163] = 0x99, [164] = 0xa2, [165] = 0x90, [166] = 0xa4, [183] = 0x5d, [184] = 0x5e,
    [185] = 0x5f, [186] = 0x55, [187] = 0x83, [188] = 0xf7, [189] = 0x84, [190] = 0x5a,
    [191] = 0x74, [192] = 0xf9, [193] = 0x6d, [194] = 0x6f,
};

guint
key_number(guint codeset, guint key)
{
    if (codeset == CODESET_XT || codeset == CODESET_XT_KBD || codeset == CODESET_QNUM)
        return key < 256 ? key : 0;
    if (codeset != CODESET_LINUX)
        return 0;
    if (key <= SAME_UP_TO)
        return key;
    return key < G_N_ELEMENTS(linux_keys) ? linux_keys[key] : 0;
}
