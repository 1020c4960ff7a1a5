/** A program that saves a tensor of 4 MB to a file, once or until it is killed:  saver.fixture.ts FILE once|forever */
import { full, io } from 'vitgrad'

const [path, times] = process.argv.slice(2)
let value = 0
do {
  try {
    io.saveSafetensors(path, { x: full([1_000_000], value++) })
  } catch (error) {
    console.log(String(error))
  }
  if (value === 1) console.log('saved')
} while (times === 'forever')
