/* What documents mean by the names of CPU models: whose they are, and the features that come with a
 * name. QEMU's models of the same names often have more, and change from one QEMU to the next; a
 * document keeps its meaning. The facts are those of libvirt 11.3's CPU map, so that hosts under
 * either daemon understand each other.
 */
#include "cpu.h"

#include <stdio.h>
#include <string.h>

/* In the order of time, by makers: where two are as good, the later one is better. */
static const CpuName rows[] = {
    { "486", .more = "fpu vme pse" },
    { "486-v1", .same = "486" },
    { "pentium", .like = "486", .more = "de tsc msr mce cx8 mmx" },
    { "pentium-v1", .same = "pentium" },
    { "pentium2", .like = "pentium", .more = "pae sep mtrr pge mca cmov pat pse36 fxsr" },
    { "pentium2-v1", .same = "pentium2" },
    { "pentium3", .like = "pentium2", .more = "sse" },
    { "pentium3-v1", .same = "pentium3" },
    { "pentiumpro", .like = "pentium3", .more = "apic sse2", .less = "vme mtrr mca pse36" },
    { "coreduo", .like = "pentium3", .more = "pni monitor apic clflush sse2 nx", .less = "pse36",
      .vendor = "Intel" },
    { "coreduo-v1", .same = "coreduo" },
    { "n270", .like = "coreduo", .more = "ssse3", .vendor = "Intel" },
    { "n270-v1", .same = "n270" },
    { "core2duo", .like = "n270", .more = "pse36 syscall lm", .vendor = "Intel" },
    { "core2duo-v1", .same = "core2duo" },
    { "qemu32", .like = "pentiumpro", .more = "pni" },
    { "qemu32-v1", .same = "qemu32" },
    { "kvm32", .like = "coreduo", .more = "pse36", .less = "monitor vme nx" },
    { "kvm32-v1", .same = "kvm32" },
    { "cpu64-rhel5", .like = "core2duo", .less = "monitor ssse3 vme", .use = OF_NOBODY },
    { "cpu64-rhel6", .like = "cpu64-rhel5", .more = "cx16 lahf-lm", .use = OF_NOBODY },
    { "qemu64", .like = "cpu64-rhel5", .more = "cx16 svm" },
    { "qemu64-v1", .same = "qemu64" },
    { "kvm64", .like = "cpu64-rhel5", .more = "cx16" },
    { "kvm64-v1", .same = "kvm64" },
    { "Conroe", .like = "cpu64-rhel5", .more = "ssse3 lahf-lm", .vendor = "Intel",
      .signatures = "6/15 6/22" },
    { "Conroe-v1", .same = "Conroe" },
    { "Penryn", .like = "cpu64-rhel6", .more = "ssse3 sse4.1", .vendor = "Intel",
      .signatures = "6/23 6/29" },
    { "Penryn-v1", .same = "Penryn" },
    { "Nehalem", .like = "Penryn", .more = "sse4.2 popcnt", .vendor = "Intel",
      .signatures = "6/26 6/30 6/31 6/46" },
    { "Nehalem-IBRS", .like = "Nehalem", .more = "spec-ctrl", .vendor = "Intel",
      .signatures = "6/26 6/30 6/31 6/46" },
    { "Nehalem-v1", .same = "Nehalem" },
    { "Nehalem-v2", .same = "Nehalem-IBRS" },
    { "Westmere", .like = "Nehalem", .more = "aes", .vendor = "Intel",
      .signatures = "6/44 6/47 6/37" },
    { "Westmere-IBRS", .like = "Nehalem-IBRS", .more = "aes", .vendor = "Intel",
      .signatures = "6/44" },
    { "Westmere-v1", .same = "Westmere" },
    { "Westmere-v2", .same = "Westmere-IBRS" },
    { "SandyBridge", .like = "Westmere", .more = "pclmulqdq x2apic tsc-deadline xsave avx rdtscp",
      .vendor = "Intel", .signatures = "6/42 6/45" },
    { "SandyBridge-IBRS", .like = "SandyBridge", .more = "spec-ctrl", .vendor = "Intel",
      .signatures = "6/42 6/45" },
    { "SandyBridge-v1", .same = "SandyBridge" },
    { "SandyBridge-v2", .same = "SandyBridge-IBRS" },
    { "IvyBridge", .like = "SandyBridge", .more = "f16c rdrand vme fsgsbase smep erms",
      .vendor = "Intel", .signatures = "6/58 6/62" },
    { "IvyBridge-IBRS", .like = "IvyBridge", .more = "spec-ctrl", .vendor = "Intel",
      .signatures = "6/58 6/62" },
    { "IvyBridge-v1", .same = "IvyBridge" },
    { "IvyBridge-v2", .same = "IvyBridge-IBRS" },
    { "Haswell-noTSX", .like = "SandyBridge",
      .more = "fma pcid movbe fsgsbase bmi1 avx2 smep bmi2 erms invpcid", .vendor = "Intel",
      .signatures = "6/60 6/63 6/69 6/70" },
    { "Haswell-noTSX-IBRS", .like = "Haswell-noTSX", .more = "spec-ctrl", .vendor = "Intel",
      .signatures = "6/60 6/63 6/69 6/70" },
    { "Haswell", .like = "Haswell-noTSX", .more = "hle rtm", .vendor = "Intel",
      .signatures = "6/60 6/63 6/69 6/70" },
    { "Haswell-IBRS", .like = "Haswell", .more = "spec-ctrl", .vendor = "Intel",
      .signatures = "6/60 6/63 6/69 6/70" },
    { "Haswell-v1", .same = "Haswell" },
    { "Haswell-v2", .same = "Haswell-noTSX" },
    { "Haswell-v3", .same = "Haswell-IBRS" },
    { "Haswell-v4", .same = "Haswell-noTSX-IBRS" },
    { "Broadwell-noTSX", .like = "Haswell-noTSX", .more = "rdseed adx smap 3dnowprefetch",
      .vendor = "Intel", .signatures = "6/61 6/71 6/79 6/86" },
    { "Broadwell-noTSX-IBRS", .like = "Broadwell-noTSX", .more = "spec-ctrl", .vendor = "Intel",
      .signatures = "6/61 6/71 6/79 6/86" },
    { "Broadwell", .like = "Broadwell-noTSX", .more = "hle rtm", .vendor = "Intel",
      .signatures = "6/61 6/71 6/79 6/86" },
    { "Broadwell-IBRS", .like = "Broadwell", .more = "spec-ctrl", .vendor = "Intel",
      .signatures = "6/61 6/71 6/79 6/86" },
    { "Broadwell-v1", .same = "Broadwell" },
    { "Broadwell-v2", .same = "Broadwell-noTSX" },
    { "Broadwell-v3", .same = "Broadwell-IBRS" },
    { "Broadwell-v4", .same = "Broadwell-noTSX-IBRS" },
    { "Skylake-Client", .like = "Broadwell",
      .more = "f16c rdrand vme arat xsaveopt xsavec xgetbv1 abm", .gone = "mpx", .vendor = "Intel",
      .signatures = "6/94 6/78 6/142 6/158" },
    { "Skylake-Client-IBRS", .like = "Skylake-Client", .more = "spec-ctrl", .gone = "mpx",
      .vendor = "Intel", .signatures = "6/94 6/78 6/142 6/158" },
    { "Skylake-Client-noTSX-IBRS", .like = "Skylake-Client-IBRS", .less = "hle rtm", .gone = "mpx",
      .vendor = "Intel", .signatures = "6/94 6/78 6/142 6/158", .use = OF_HOSTS },
    { "Skylake-Client-v1", .same = "Skylake-Client" },
    { "Skylake-Client-v2", .same = "Skylake-Client-IBRS" },
    { "Skylake-Client-v3", .same = "Skylake-Client-noTSX-IBRS" },
    { "Skylake-Client-v4", .like = "Skylake-Client-noTSX-IBRS",
      .more = "xsaves vmx-ins-outs vmx-true-ctls vmx-store-lma vmx-activity-hlt "
              "vmx-vmwrite-vmexit-fields vmx-apicv-xapic vmx-ept vmx-desc-exit vmx-rdtscp-exit "
              "vmx-vpid vmx-wbinvd-exit vmx-unrestricted-guest vmx-rdrand-exit vmx-invpcid-exit "
              "vmx-vmfunc vmx-shadow-vmcs vmx-rdseed-exit vmx-pml vmx-xsaves vmx-ept-execonly "
              "vmx-page-walk-4 vmx-ept-2mb vmx-ept-1gb vmx-invept vmx-eptad "
              "vmx-invept-single-context vmx-invept-all-context vmx-invvpid-single-addr "
              "vmx-invvpid-all-context vmx-invept-single-context-noglobals vmx-intr-exit "
              "vmx-nmi-exit vmx-vnmi vmx-preemption-timer vmx-vintr-pending vmx-tsc-offset "
              "vmx-hlt-exit vmx-invlpg-exit vmx-mwait-exit vmx-rdpmc-exit vmx-rdtsc-exit "
              "vmx-cr3-load-noexit vmx-cr3-store-noexit vmx-cr8-load-exit vmx-cr8-store-exit "
              "vmx-flexpriority vmx-vnmi-pending vmx-movdr-exit vmx-io-exit vmx-io-bitmap vmx-mtf "
              "vmx-msr-bitmap vmx-monitor-exit vmx-pause-exit vmx-secondary-ctls "
              "vmx-exit-nosave-debugctl vmx-exit-load-perf-global-ctrl vmx-exit-ack-intr "
              "vmx-exit-save-pat vmx-exit-load-pat vmx-exit-save-efer vmx-exit-load-efer "
              "vmx-exit-save-preemption-timer vmx-entry-noload-debugctl vmx-entry-ia32e-mode "
              "vmx-entry-load-perf-global-ctrl vmx-entry-load-pat vmx-entry-load-efer "
              "vmx-eptp-switching",
      .vendor = "Intel", .signatures = "6/94 6/78 6/142 6/158", .use = OF_HOSTS, .exact = TRUE },
    { "Skylake-Server", .like = "Skylake-Client",
      .more = "avx512f avx512dq clwb avx512cd avx512bw avx512vl pdpe1gb", .gone = "mpx",
      .vendor = "Intel", .signatures = "6/85/0-4" },
    { "Skylake-Server-IBRS", .like = "Skylake-Server", .more = "spec-ctrl", .gone = "mpx",
      .vendor = "Intel", .signatures = "6/85/0-4" },
    { "Skylake-Server-noTSX-IBRS", .like = "Skylake-Server-IBRS", .less = "hle rtm", .gone = "mpx",
      .vendor = "Intel", .signatures = "6/85/0-4", .use = OF_HOSTS },
    { "Skylake-Server-v1", .same = "Skylake-Server" },
    { "Skylake-Server-v2", .same = "Skylake-Server-IBRS" },
    { "Skylake-Server-v3", .same = "Skylake-Server-noTSX-IBRS" },
    { "Skylake-Server-v4", .like = "Skylake-Client-v4",
      .more = "avx512f avx512dq clwb avx512cd avx512bw avx512vl pku pdpe1gb vmx-apicv-x2apic "
              "vmx-apicv-register vmx-apicv-vid vmx-posted-intr",
      .less = "xsaves vmx-xsaves", .vendor = "Intel", .signatures = "6/85/0-4", .use = OF_HOSTS,
      .exact = TRUE },
    { "Skylake-Server-v5", .like = "Skylake-Server-v4", .more = "xsaves vmx-xsaves",
      .vendor = "Intel", .signatures = "6/85/0-4", .use = OF_HOSTS, .exact = TRUE },
    { "Cascadelake-Server", .like = "Skylake-Server-IBRS", .more = "clflushopt avx512vnni ssbd",
      .gone = "mpx", .vendor = "Intel", .signatures = "6/85/5-7" },
    { "Cascadelake-Server-noTSX", .like = "Cascadelake-Server", .less = "hle rtm", .gone = "mpx",
      .vendor = "Intel", .signatures = "6/85/5-7", .use = OF_HOSTS },
    { "Cascadelake-Server-v1", .same = "Cascadelake-Server" },
    { "Cascadelake-Server-v2", .like = "Skylake-Server-v4",
      .more = "hle rtm clflushopt avx512vnni arch-capabilities ssbd rdctl-no ibrs-all "
              "skip-l1dfl-vmentry mds-no",
      .less = "vmx-eptp-switching", .vendor = "Intel", .signatures = "6/85/5-7", .use = OF_HOSTS,
      .exact = TRUE },
    { "Cascadelake-Server-v3", .same = "Cascadelake-Server-noTSX" },
    { "Cascadelake-Server-v4", .like = "Cascadelake-Server-v2", .more = "vmx-eptp-switching",
      .less = "hle rtm", .vendor = "Intel", .signatures = "6/85/5-7", .use = OF_HOSTS,
      .exact = TRUE },
    { "Cascadelake-Server-v5", .like = "Cascadelake-Server-v4", .more = "xsaves vmx-xsaves",
      .vendor = "Intel", .signatures = "6/85/5-7", .use = OF_HOSTS, .exact = TRUE },
    { "Icelake-Client", .like = "Skylake-Client-IBRS",
      .more = "mpx avx512vbmi umip pku avx512vbmi2 gfni vaes vpclmulqdq avx512vnni avx512bitalg "
              "avx512-vpopcntdq ssbd wbnoinvd",
      .gone = "intel-pt", .vendor = "Intel", .signatures = "6/126" },
    { "Icelake-Client-noTSX", .like = "Icelake-Client", .less = "hle rtm", .gone = "intel-pt",
      .vendor = "Intel", .signatures = "6/126", .use = OF_HOSTS },
    { "Icelake-Server", .like = "Icelake-Client",
      .more = "avx512f avx512dq clflushopt clwb avx512cd avx512bw avx512vl la57 pdpe1gb",
      .less = "mpx", .gone = "intel-pt mpx", .vendor = "Intel", .signatures = "6/106" },
    { "Icelake-Server-noTSX", .like = "Icelake-Server", .less = "hle rtm", .gone = "intel-pt mpx",
      .vendor = "Intel", .signatures = "6/106", .use = OF_HOSTS },
    { "Icelake-Server-v1", .same = "Icelake-Server" },
    { "Icelake-Server-v2", .same = "Icelake-Server-noTSX" },
    { "Icelake-Server-v3", .like = "Cascadelake-Server-v4",
      .more = "avx512vbmi umip avx512vbmi2 gfni vaes vpclmulqdq avx512bitalg avx512-vpopcntdq la57 "
              "wbnoinvd pschange-mc-no taa-no",
      .less = "vmx-rdseed-exit vmx-pml vmx-eptp-switching", .vendor = "Intel",
      .signatures = "6/106", .use = OF_HOSTS, .exact = TRUE },
    { "Icelake-Server-v4", .like = "Icelake-Server-v3",
      .more = "avx512ifma sha-ni rdpid fsrm vmx-rdseed-exit vmx-pml vmx-eptp-switching",
      .vendor = "Intel", .signatures = "6/106", .use = OF_HOSTS, .exact = TRUE },
    { "Icelake-Server-v5", .like = "Icelake-Server-v4", .more = "xsaves vmx-xsaves",
      .vendor = "Intel", .signatures = "6/106", .use = OF_HOSTS, .exact = TRUE },
    { "Icelake-Server-v6", .like = "Icelake-Server-v5", .more = "vmx-page-walk-5",
      .vendor = "Intel", .signatures = "6/106", .use = OF_HOSTS, .exact = TRUE },
    { "Icelake-Server-v7", .like = "Icelake-Server-v6", .more = "hle rtm", .vendor = "Intel",
      .signatures = "6/106", .use = OF_HOSTS, .exact = TRUE },
    { "Cooperlake", .like = "Cascadelake-Server",
      .more = "pku stibp arch-capabilities avx512-bf16 rdctl-no ibrs-all skip-l1dfl-vmentry mds-no "
              "pschange-mc-no taa-no",
      .vendor = "Intel", .signatures = "6/85/10-11" },
    { "Cooperlake-v1", .same = "Cooperlake" },
    { "Cooperlake-v2", .like = "Cascadelake-Server-v5",
      .more = "hle rtm stibp avx512-bf16 pschange-mc-no taa-no", .vendor = "Intel",
      .signatures = "6/85/10-11", .use = OF_HOSTS, .exact = TRUE },
    { "Snowridge", .like = "IvyBridge-IBRS",
      .more =
          "movbe arat rdseed smap clflushopt clwb sha-ni umip gfni cldemote movdiri movdir64b "
          "arch-capabilities core-capability ssbd xsaveopt xsavec xgetbv1 3dnowprefetch pdpe1gb "
          "split-lock-detect",
      .less = "avx f16c", .vendor = "Intel", .signatures = "6/134" },
    { "Snowridge-v1", .same = "Snowridge" },
    { "Snowridge-v2", .like = "Skylake-Server-v4",
      .more = "clflushopt sha-ni umip gfni cldemote movdiri movdir64b arch-capabilities "
              "core-capability ssbd split-lock-detect",
      .less = "fma pcid avx f16c bmi1 avx2 bmi2 invpcid avx512f avx512dq adx avx512cd avx512bw "
              "avx512vl pku abm",
      .vendor = "Intel", .signatures = "6/134", .use = OF_HOSTS, .exact = TRUE },
    { "Snowridge-v3", .like = "Snowridge-v2", .more = "xsaves vmx-xsaves", .vendor = "Intel",
      .signatures = "6/134", .use = OF_HOSTS, .exact = TRUE },
    { "Snowridge-v4", .like = "Snowridge-v3", .less = "core-capability split-lock-detect",
      .vendor = "Intel", .signatures = "6/134", .use = OF_HOSTS, .exact = TRUE },
    { "SapphireRapids", .like = "Icelake-Server",
      .more = "avx512ifma sha-ni rdpid bus-lock-detect fsrm serialize tsx-ldtrk amx-bf16 "
              "avx512-fp16 amx-tile amx-int8 arch-capabilities avx-vnni avx512-bf16 fzrm fsrs fsrc "
              "xsaves xfd rdctl-no ibrs-all skip-l1dfl-vmentry mds-no pschange-mc-no taa-no",
      .vendor = "Intel", .signatures = "6/143" },
    { "SapphireRapids-v1", .same = "SapphireRapids" },
    { "SapphireRapids-v2", .like = "Icelake-Server-v7",
      .more = "bus-lock-detect serialize tsx-ldtrk amx-bf16 avx512-fp16 amx-tile amx-int8 avx-vnni "
              "avx512-bf16 fzrm fsrs fsrc xfd sbdr-ssdp-no fbsdp-no psdp-no",
      .vendor = "Intel", .signatures = "6/143", .use = OF_HOSTS, .exact = TRUE },
    { "SapphireRapids-v3", .like = "SapphireRapids-v2",
      .more = "ss tsc-adjust cldemote movdiri movdir64b", .vendor = "Intel", .signatures = "6/143",
      .use = OF_HOSTS, .exact = TRUE },
    { "GraniteRapids", .like = "SapphireRapids-v2",
      .more = "amx-fp16 prefetchiti mcdt-no pbrsb-no vmx-invvpid", .vendor = "Intel",
      .signatures = "6/173" },
    { "GraniteRapids-v1", .same = "GraniteRapids" },
    { "GraniteRapids-v2", .like = "SapphireRapids-v3",
      .more = "amx-fp16 prefetchiti avx10 mcdt-no avx10-128 avx10-256 avx10-512 pbrsb-no",
      .vendor = "Intel", .signatures = "6/173", .use = OF_HOSTS, .exact = TRUE },
    { "SierraForest", .like = "Icelake-Server-v5",
      .more = "bus-lock-detect serialize avx-vnni cmpccxadd fsrs avx-ifma avx-vnni-int8 "
              "avx-ne-convert mcdt-no sbdr-ssdp-no fbsdp-no psdp-no pbrsb-no vmx-invvpid",
      .less = "avx512f avx512dq avx512ifma avx512cd avx512bw avx512vl avx512vbmi avx512vbmi2 "
              "avx512vnni avx512bitalg avx512-vpopcntdq la57 taa-no",
      .vendor = "Intel", .signatures = "6/175" },
    { "SierraForest-v1", .same = "SierraForest" },
    { "Denverton", .like = "Snowridge-v2", .more = "mpx rdctl-no skip-l1dfl-vmentry",
      .less = "clwb umip gfni cldemote movdiri movdir64b core-capability split-lock-detect",
      .vendor = "Intel", .signatures = "6/95", .exact = TRUE },
    { "Denverton-v1", .same = "Denverton" },
    { "Denverton-v2", .like = "Denverton", .less = "mpx", .vendor = "Intel", .signatures = "6/95",
      .use = OF_HOSTS, .exact = TRUE },
    { "Denverton-v3", .like = "Denverton-v2", .more = "xsaves vmx-xsaves", .vendor = "Intel",
      .signatures = "6/95", .use = OF_HOSTS, .exact = TRUE },
    { "KnightsMill", .like = "Skylake-Client-noTSX-IBRS",
      .more = "ss avx512f avx512pf avx512er avx512cd avx512-vpopcntdq avx512-4vnniw avx512-4fmaps "
              "pdpe1gb",
      .less = "pcid invpcid smap spec-ctrl xsavec xgetbv1", .vendor = "Intel",
      .signatures = "6/133", .exact = TRUE },
    { "KnightsMill-v1", .same = "KnightsMill" },
    { "athlon", .like = "pentium3", .more = "apic sse2 mmxext 3dnowext 3dnow", .less = "mca",
      .vendor = "AMD" },
    { "athlon-v1", .same = "athlon" },
    { "phenom", .like = "cpu64-rhel5", .more = "monitor svm mmxext fxsr-opt 3dnowext 3dnow",
      .vendor = "AMD" },
    { "phenom-v1", .same = "phenom" },
    { "Opteron_G1", .like = "cpu64-rhel5", .vendor = "AMD", .signatures = "15/6" },
    { "Opteron_G1-v1", .same = "Opteron_G1" },
    { "Opteron_G2", .like = "cpu64-rhel6", .more = "svm rdtscp", .vendor = "AMD",
      .signatures = "15/6" },
    { "Opteron_G2-v1", .same = "Opteron_G2" },
    { "Opteron_G3", .like = "Opteron_G2", .more = "popcnt abm sse4a misalignsse", .gone = "monitor",
      .vendor = "AMD", .signatures = "15/6" },
    { "Opteron_G3-v1", .same = "Opteron_G3" },
    { "Opteron_G4", .like = "SandyBridge",
      .more = "svm abm sse4a misalignsse 3dnowprefetch xop fma4 pdpe1gb",
      .less = "x2apic tsc-deadline", .vendor = "AMD", .signatures = "21/1" },
    { "Opteron_G4-v1", .same = "Opteron_G4" },
    { "Opteron_G5", .like = "Opteron_G4", .more = "fma f16c tbm", .vendor = "AMD",
      .signatures = "21/2" },
    { "Opteron_G5-v1", .same = "Opteron_G5" },
    { "EPYC", .like = "Skylake-Client-noTSX-IBRS",
      .more = "clflushopt sha-ni svm cr8legacy sse4a misalignsse osvw mmxext fxsr-opt pdpe1gb",
      .less = "pcid x2apic tsc-deadline erms invpcid spec-ctrl", .gone = "monitor", .vendor = "AMD",
      .signatures = "23/1" },
    { "EPYC-IBPB", .like = "EPYC", .more = "ibpb", .gone = "monitor", .vendor = "AMD",
      .signatures = "23/1" },
    { "EPYC-v1", .same = "EPYC" },
    { "EPYC-v2", .same = "EPYC-IBPB" },
    { "EPYC-v3", .like = "EPYC-IBPB", .more = "xsaves perfctr-core clzero xsaveerptr npt nrip-save",
      .vendor = "AMD", .signatures = "23/1", .use = OF_HOSTS, .exact = TRUE },
    { "EPYC-v4", .like = "EPYC-v3", .vendor = "AMD", .signatures = "23/1", .use = OF_HOSTS,
      .exact = TRUE },
    { "EPYC-Rome", .like = "EPYC-v3", .more = "clwb umip rdpid wbnoinvd amd-stibp",
      .less = "xsaves", .vendor = "AMD", .signatures = "23/49" },
    { "EPYC-Rome-v1", .same = "EPYC-Rome" },
    { "EPYC-Rome-v2", .like = "EPYC-Rome", .more = "xsaves ibrs amd-ssbd", .vendor = "AMD",
      .signatures = "23/49", .use = OF_HOSTS, .exact = TRUE },
    { "EPYC-Rome-v3", .like = "EPYC-Rome-v2", .vendor = "AMD", .signatures = "23/49",
      .use = OF_HOSTS, .exact = TRUE },
    { "EPYC-Rome-v4", .like = "EPYC-Rome-v2", .less = "xsaves", .vendor = "AMD",
      .signatures = "23/49", .use = OF_HOSTS, .exact = TRUE },
    { "EPYC-Milan", .like = "EPYC-Rome-v2", .more = "pcid erms invpcid pku fsrm svme-addr-chk",
      .vendor = "AMD", .signatures = "25/1" },
    { "EPYC-Milan-v1", .same = "EPYC-Milan" },
    { "EPYC-Milan-v2", .like = "EPYC-Milan",
      .more =
          "vaes vpclmulqdq stibp-always-on amd-psfd no-nested-data-bp lfence-always-serializing "
          "null-sel-clr-base",
      .vendor = "AMD", .signatures = "25/1", .use = OF_HOSTS, .exact = TRUE },
    { "EPYC-Genoa", .like = "EPYC-Milan-v2",
      .more = "avx512f avx512dq avx512ifma avx512cd avx512bw avx512vl avx512vbmi avx512vbmi2 gfni "
              "avx512vnni avx512bitalg avx512-vpopcntdq la57 avx512-bf16 vnmi auto-ibrs",
      .vendor = "AMD", .signatures = "25/17" },
    { "EPYC-Genoa-v1", .same = "EPYC-Genoa" },
    { "Dhyana", .like = "EPYC-IBPB", .less = "pclmulqdq aes sha-ni", .gone = "monitor",
      .vendor = "Hygon", .signatures = "24/0" },
    { "Dhyana-v1", .same = "Dhyana" },
    { "Dhyana-v2", .like = "Dhyana", .more = "xsaves npt nrip-save", .vendor = "Hygon",
      .signatures = "24/0", .use = OF_HOSTS, .exact = TRUE },
};

guint
cpu_name_rows(void)
{
    return G_N_ELEMENTS(rows);
}

static const CpuName *
row_find(const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        if (g_strcmp0(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

/* Of two names for the same model, the one that describes it. */
static const CpuName *
row_meant(const CpuName *row)
{
    return row != NULL && row->same != NULL ? row_find(row->same) : row;
}

CpuName
cpu_name_at(guint i)
{
    CpuName name = *row_meant(&rows[i]);

    name.name = rows[i].name;
    if (rows[i].same != NULL) {
        name.use = OF_HOSTS;
        name.exact = TRUE;
        name.gone = NULL; /* a name with a version has always been exact */
    }
    return name;
}

gboolean
cpu_name_find(const char *text, CpuName *ret_name)
{
    const CpuName *row = row_find(text);

    if (row != NULL)
        *ret_name = cpu_name_at((guint)(row - rows));
    return row != NULL;
}

static void
change_set(const Emulator *e, FeatureSet *set, const char *names, gboolean on)
{
    g_auto(GStrv) words = g_strsplit(names != NULL ? names : "", " ", 0);

    for (guint i = 0; words[i] != NULL; i++) {
        int bit = feature_find(e, words[i]);

        if (on)
            feature_set(set, bit);
        else if (bit >= 0)
            cpu_drop(set, bit);
    }
}

/* A row starts from one that stands before it. */
FeatureSet
cpu_name_features(const Emulator *e, const CpuName *name)
{
    FeatureSet set = { { 0 } };
    const CpuName *like = row_meant(row_find(name->like));

    if (like != NULL)
        set = cpu_name_features(e, like);
    change_set(e, &set, name->more, TRUE);
    change_set(e, &set, name->less, FALSE);
    return set;
}

FeatureSet
cpu_name_gone(const Emulator *e, const CpuName *name)
{
    FeatureSet set = { { 0 } };

    change_set(e, &set, name->gone, TRUE);
    return set;
}

static gboolean
signature_is(const char *text, const CpuSelf *self)
{
    guint family, model, from = 0, to = G_MAXUINT;

    if (sscanf(text, "%u/%u/%u-%u", &family, &model, &from, &to) < 2)
        return FALSE;
    return family == self->family && model == self->model && from <= self->stepping &&
           self->stepping <= to;
}

gboolean
cpu_name_is(const CpuName *name, const CpuSelf *self)
{
    g_auto(GStrv) texts = g_strsplit(name->signatures != NULL ? name->signatures : "", " ", 0);

    for (guint i = 0; texts[i] != NULL; i++)
        if (signature_is(texts[i], self))
            return TRUE;
    return FALSE;
}
