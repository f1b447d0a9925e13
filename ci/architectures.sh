# The architectures besides x86-64 that the tests are run for: sourced by setup-cross.sh and cross.sh.

ARCHITECTURES=(i686 x32 armv7 aarch64 powerpc64le powerpc64 riscv64 s390x loongarch64)

# architecture NAME: sets TARGET, GO (what Go called it), GNU (the C toolchain), DEBIAN (what Debian calls it), QEMU, CPU (if not what QEMU takes by
# itself), HOW (how tests run), PACKAGES. QEMU's own RISC-V processor keeps total store order (Ztso): on x86-64 a fence after each load, and nearly
# three times the time.
architecture() {
    QEMU= CPU= LIBRARIES=()
    case $1 in
        i686) TARGET=i686-unknown-linux-gnu GO=386 GNU=i686-linux-gnu DEBIAN=i386 HOW="natively" LIBRARIES=(libc6-i386 lib32gcc-s1) ;;
        x32) TARGET=x86_64-unknown-linux-gnux32 GO=amd64p32 GNU=x86_64-linux-gnux32 DEBIAN=x32 HOW="in a virtual machine" ;;
        armv7) TARGET=armv7-unknown-linux-gnueabihf GO=arm GNU=arm-linux-gnueabihf DEBIAN=armhf QEMU=qemu-arm ;;
        aarch64) TARGET=aarch64-unknown-linux-gnu GO=arm64 GNU=aarch64-linux-gnu DEBIAN=arm64 QEMU=qemu-aarch64 ;;
        powerpc64le) TARGET=powerpc64le-unknown-linux-gnu GO=ppc64le GNU=powerpc64le-linux-gnu DEBIAN=ppc64el QEMU=qemu-ppc64le ;;
        powerpc64) TARGET=powerpc64-unknown-linux-gnu GO=ppc64 GNU=powerpc64-linux-gnu DEBIAN=ppc64 QEMU=qemu-ppc64 ;;
        riscv64) TARGET=riscv64gc-unknown-linux-gnu GO=– GNU=riscv64-linux-gnu DEBIAN=riscv64 QEMU=qemu-riscv64 CPU=rv64,v=true ;;
        s390x) TARGET=s390x-unknown-linux-gnu GO=– GNU=s390x-linux-gnu DEBIAN=s390x QEMU=qemu-s390x ;;
        loongarch64) TARGET=loongarch64-unknown-linux-gnu GO=– GNU=loongarch64-linux-gnu DEBIAN=loong64 QEMU=qemu-loongarch64 ;;
        *) echo "unknown architecture $1; known: ${ARCHITECTURES[*]}" >&2; return 1 ;;
    esac
    PACKAGES=("gcc-${GNU//_/-}" "libc6-dev-$DEBIAN-cross" "${LIBRARIES[@]}")
    [ -z "$QEMU" ] || { HOW="QEMU user mode"; PACKAGES+=(qemu-user); }
}

# There are three ways to a standard library for another architecture. A machine may have been given a cargo that knows them all, with linkers and
# runners (the only way to x32, which wants a kernel of its own, and where Debian has no cross compiler); rustup may have it; or Debian's compiler
# builds it along with the tests, from the sources that Debian packages beside it.
CARGO_CROSS=${CROSS_HOME:-/opt/cross}/bin/cargo-cross
DEBIAN_PACKAGES=(rustc-web cargo-web rust-web-src)

# Where setup-cross.sh unpacks emulators, if the system's are too old.
EMULATORS=$PWD/target/emulators
PATH=$EMULATORS/usr/bin:$PATH

# has_emulator: is the architecture's QEMU there, if it needs one, or the loader, if it needs none? QEMUs before 8
# keep 16 bytes for each page of a mapping, and tests reserve terabytes.
has_emulator() {
    local version
    [ "$HOW" != natively ] || [ -e /lib/ld-linux.so.2 ] || return
    [ -z "$QEMU" ] || { version=$("$QEMU" --version 2>/dev/null | sed -n 's/.* version \([0-9]*\).*/\1/p') && [ "${version:-0}" -ge 8 ]; }
}

# has_linker: is there a C compiler to link with, and a C library?
has_linker() { [[ $("$GNU-gcc" -print-file-name=crt1.o 2>/dev/null) == /* ]]; }

# way_to NAME: which of the three ("given", "rustup", "sources"), or "none". Sets what `architecture` does.
way_to() {
    architecture "$1"
    local lib
    if [ -x "$CARGO_CROSS" ] && [ -d "$(dirname "$(dirname "$CARGO_CROSS")")/toolchain/lib/rustlib/$TARGET" ]; then
        echo given
    elif [ "$1" = x32 ] || ! has_linker || ! has_emulator; then
        echo none
    elif lib=$(rustc --print target-libdir --target "$TARGET" 2>/dev/null) && compgen -G "$lib/libstd-*.rlib" >/dev/null; then
        echo rustup
    elif [ -x /usr/bin/cargo ] && [ -e /usr/lib/rustlib/src/rust/library/Cargo.toml ]; then
        echo sources
    else
        echo none
    fi
}

# runs_here NAME: can its tests be built and run on this machine?
runs_here() { [ "$(way_to "$1")" != none ]; }

# cargo_for NAME COMMAND...: cargo COMMAND for that architecture.
cargo_for() {
    local name=$1 command=$2 way
    shift 2
    architecture "$name"
    way=$(way_to "$name")
    local flags="-Cforce-frame-pointers=yes"
    # z has no frame pointers, but a back chain.
    [ "$name" != s390x ] || flags+=" -Ctarget-feature=+backchain"
    if [ "$way" = given ]; then
        CROSS_RUSTFLAGS=$flags "$CARGO_CROSS" "$name" "$command" "$@"
        return
    fi
    local prefix cargo=(cargo "$command")
    prefix=CARGO_TARGET_$(tr 'a-z-' 'A-Z_' <<<"$TARGET")
    local settings=("${prefix}_LINKER=$GNU-gcc" "${prefix}_RUSTFLAGS=$flags" "CC_${TARGET//-/_}=$GNU-gcc")
    [ -z "$QEMU" ] || settings+=("${prefix}_RUNNER=$QEMU -L /usr/$GNU")
    if [ "$way" = sources ]; then
        settings+=(RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1)
        cargo=(/usr/bin/cargo "$command" -Zbuild-std=std,panic_unwind,test)
    fi
    env -u RUSTFLAGS -u RUSTUP_TOOLCHAIN "${settings[@]}" "${cargo[@]}" --target "$TARGET" "$@"
}

# runner_for NAME: what to put before a test binary of that architecture.
runner_for() {
    architecture "$1"
    if [ "$(way_to "$1")" = given ]; then
        "$CARGO_CROSS" "$1" env | sed -n 's/^CARGO_TARGET_.*_RUNNER=//p'
    elif [ -n "$QEMU" ]; then
        # The prefix is in the environment, so that a test that runs itself once more finds its libraries, too.
        echo "env QEMU_LD_PREFIX=/usr/$GNU $QEMU"
    fi
}

# What the virtual machine is told of the environment.
export VM_PASS='(RUST|PROPTEST)_[A-Z_]*'
