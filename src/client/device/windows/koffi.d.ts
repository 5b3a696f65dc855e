/**
 * The part of koffi 3 (MIT licence) that is used here. Only the compiled half for Windows is a dependency: the package
 * `koffi` itself would bring a build script and every other system's half, for a wrapper that nothing here needs.
 */
declare module "@koromix/koffi-win32-x64" {
  /** Called with plain numbers, typed arrays for pointers, and an array of one for what comes back through `_Out_`. */
  export interface NativeFunction {
    (...args: unknown[]): unknown;
    /** Runs on another thread; the last argument is told the outcome. */
    async(...args: unknown[]): void;
  }
  export interface NativeLibrary {
    /** Throws when the library lacks the function. */
    func(prototype: string): NativeFunction;
  }
  const koffi: {
    /** Throws when the system finds no such library. */
    load(name: string): NativeLibrary;
  };
  export default koffi;
}
